WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT tag, count(*) AS n, count(DISTINCT user_id) AS users FROM (SELECT unnest(tags) AS tag, user_id FROM clicks) GROUP BY tag
)
SELECT '{' || '"tag":' || coalesce(to_json(tag)::VARCHAR,'null') || ',' || '"n":' || coalesce(n::VARCHAR,'null') || ',' || '"users":' || coalesce(users::VARCHAR,'null') || '}' FROM result
