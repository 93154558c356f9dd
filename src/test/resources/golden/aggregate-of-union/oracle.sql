WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
orders AS (SELECT * FROM read_csv('@data/orders.csv', header=false, allow_quoted_nulls=false, columns={id:'BIGINT',customer:'INTEGER',amount:'DECIMAL(12,2)',day:'DATE',note:'VARCHAR'})),
result AS (
SELECT kind, COUNT(*) AS n, SUM(amount) AS total FROM (
  SELECT 'click' AS kind, price AS amount FROM clicks UNION ALL SELECT 'order', amount FROM orders) t
GROUP BY kind
)
SELECT '{' || '"kind":' || coalesce(to_json(kind)::VARCHAR,'null') || ',' || '"n":' || coalesce(n::VARCHAR,'null') || ',' || '"total":' || coalesce(total::VARCHAR,'null') || '}' FROM result
