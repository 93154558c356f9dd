WITH orders AS (SELECT * FROM read_csv('@data/orders.csv', header=false, allow_quoted_nulls=false, columns={id:'BIGINT',customer:'INTEGER',amount:'DECIMAL(12,2)',day:'DATE',note:'VARCHAR'})),
customers AS (SELECT * FROM read_csv('@data/customers.csv', header=true, columns={customer:'INTEGER',name:'VARCHAR',tier:'VARCHAR'})),
result AS (
SELECT coalesce(c.tier,'unknown') AS tier, count(*) AS orders, sum(o.amount) AS revenue, CAST(round(sum(o.amount)::DECIMAL(38,10)/count(*),6) AS DECIMAL(38,6)) AS mean FROM orders o LEFT JOIN customers c ON c.customer=o.customer GROUP BY 1
)
SELECT '{' || '"tier":' || coalesce(to_json(tier)::VARCHAR,'null') || ',' || '"orders":' || coalesce(orders::VARCHAR,'null') || ',' || '"revenue":' || coalesce(revenue::VARCHAR,'null') || ',' || '"mean":' || coalesce(mean::VARCHAR,'null') || '}' FROM result
