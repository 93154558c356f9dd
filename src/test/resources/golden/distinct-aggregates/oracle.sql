WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT page, COUNT(DISTINCT user_id) AS users, SUM(DISTINCT qty) AS q, COUNT(DISTINCT price) FILTER (WHERE ok) AS prices, COUNT(*) AS n
FROM clicks GROUP BY page
)
SELECT '{' || '"page":' || coalesce(to_json(page)::VARCHAR,'null') || ',' || '"users":' || coalesce(users::VARCHAR,'null') || ',' || '"q":' || coalesce(q::VARCHAR,'null') || ',' || '"prices":' || coalesce(prices::VARCHAR,'null') || ',' || '"n":' || coalesce(n::VARCHAR,'null') || '}' FROM result
