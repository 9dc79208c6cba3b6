{{ receipt_line_versions() }}
