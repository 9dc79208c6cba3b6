{{ dispatch_line_versions() }}
