{{ pos_sale_versions() }}
