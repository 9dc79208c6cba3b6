{{ stock_declaration_versions() }}
