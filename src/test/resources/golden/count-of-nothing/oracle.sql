WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT COUNT(*) AS n, SUM(qty) AS s FROM clicks WHERE id < 0
)
SELECT '{' || '"n":' || coalesce(n::VARCHAR,'null') || ',' || '"s":' || coalesce(s::VARCHAR,'null') || '}' FROM result
