WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT id, CASE WHEN price > 50 THEN 'high' WHEN price > 0 THEN 'low' ELSE COALESCE(page, 'none') END AS band,
  NULLIF(qty, 1) AS q, ok IS NOT TRUE AS not_ok, page IS NULL AS no_page, user_id BETWEEN 3 AND 9 AS few
FROM clicks
)
SELECT '{' || '"id":' || coalesce(id::VARCHAR,'null') || ',' || '"band":' || coalesce(to_json(band)::VARCHAR,'null') || ',' || '"q":' || coalesce(q::VARCHAR,'null') || ',' || '"not_ok":' || coalesce(not_ok::VARCHAR,'null') || ',' || '"no_page":' || coalesce(no_page::VARCHAR,'null') || ',' || '"few":' || coalesce(few::VARCHAR,'null') || '}' FROM result
