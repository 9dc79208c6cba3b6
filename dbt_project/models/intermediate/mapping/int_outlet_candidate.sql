-- what our outlet master says that tells outlets apart, as on the last commit
with stated as (
    select * from {{ ref('stg_outlet') }}
    qualify row_number() over (partition by outlet_code order by valid_from desc, seq desc, pos desc) = 1
)

select
    outlet_code as code,
    outlet_name as name,
    phone,
    tax_no,
    latitude,
    longitude
from stated
