WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT DISTINCT page, ok FROM clicks
)
SELECT '{' || '"page":' || coalesce(to_json(page)::VARCHAR,'null') || ',' || '"ok":' || coalesce(ok::VARCHAR,'null') || '}' FROM result
