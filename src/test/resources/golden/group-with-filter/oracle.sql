WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT page, COUNT(*) FILTER (WHERE ok) AS good, SUM(qty) FILTER (WHERE price > 20) AS dear, MIN(price) FILTER (WHERE qty > 0) AS least
FROM clicks GROUP BY page
)
SELECT '{' || '"page":' || coalesce(to_json(page)::VARCHAR,'null') || ',' || '"good":' || coalesce(good::VARCHAR,'null') || ',' || '"dear":' || coalesce(dear::VARCHAR,'null') || ',' || '"least":' || coalesce(least::VARCHAR,'null') || '}' FROM result
