WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT id, geo.country AS country, len(tags) AS tag_count, tags[1] AS first_tag FROM clicks
)
SELECT '{' || '"id":' || coalesce(id::VARCHAR,'null') || ',' || '"country":' || coalesce(to_json(country)::VARCHAR,'null') || ',' || '"tag_count":' || coalesce(tag_count::VARCHAR,'null') || ',' || '"first_tag":' || coalesce(to_json(first_tag)::VARCHAR,'null') || '}' FROM result
