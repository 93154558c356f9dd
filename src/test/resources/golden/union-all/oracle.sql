WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
orders AS (SELECT * FROM read_csv('@data/orders.csv', header=false, allow_quoted_nulls=false, columns={id:'BIGINT',customer:'INTEGER',amount:'DECIMAL(12,2)',day:'DATE',note:'VARCHAR'})),
result AS (
SELECT id, 'click' AS kind, price AS amount FROM clicks WHERE id < 200
UNION ALL
SELECT id, 'order', amount FROM orders WHERE amount > 100
)
SELECT '{' || '"id":' || coalesce(id::VARCHAR,'null') || ',' || '"kind":' || coalesce(to_json(kind)::VARCHAR,'null') || ',' || '"amount":' || coalesce(amount::VARCHAR,'null') || '}' FROM result
