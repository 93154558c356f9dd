WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT date_trunc('minute', ts) AS m, extract(second FROM max(ts)) AS s, min(ts + INTERVAL 1 HOUR) AS later FROM clicks GROUP BY 1
)
SELECT '{' || '"m":' || coalesce(strftime(m,'"%Y-%m-%dT%H:%M:%S.%gZ"'),'null') || ',' || '"s":' || coalesce(s::VARCHAR,'null') || ',' || '"later":' || coalesce(strftime(later,'"%Y-%m-%dT%H:%M:%S.%gZ"'),'null') || '}' FROM result
