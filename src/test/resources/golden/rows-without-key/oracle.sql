WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT n FROM (SELECT user_id, COUNT(*) AS n FROM clicks GROUP BY user_id) t WHERE n > 20
)
SELECT '{' || '"n":' || coalesce(n::VARCHAR,'null') || '}' FROM result
