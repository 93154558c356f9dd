WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT page AS v FROM clicks WHERE ok UNION SELECT geo.country FROM clicks
)
SELECT '{' || '"v":' || coalesce(to_json(v)::VARCHAR,'null') || '}' FROM result
