{{ sale_line_versions() }}
