WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT user_id, COUNT(*) AS n, SUM(price) AS total FROM clicks GROUP BY user_id HAVING COUNT(*) > 28 AND SUM(price) > 500
)
SELECT '{' || '"user_id":' || coalesce(user_id::VARCHAR,'null') || ',' || '"n":' || coalesce(n::VARCHAR,'null') || ',' || '"total":' || coalesce(total::VARCHAR,'null') || '}' FROM result
