WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT s, e, max(n) AS most, min(n) AS least, count(*) AS pages FROM (SELECT page, count(*) AS n, window_start AS s, window_end AS e FROM (SELECT *, time_bucket(INTERVAL '10 seconds', ts) AS window_start, time_bucket(INTERVAL '10 seconds', ts) + INTERVAL '10 seconds' AS window_end FROM clicks) GROUP BY ALL) GROUP BY s, e
)
SELECT '{' || '"s":' || coalesce(strftime(s,'"%Y-%m-%dT%H:%M:%S.%gZ"'),'null') || ',' || '"e":' || coalesce(strftime(e,'"%Y-%m-%dT%H:%M:%S.%gZ"'),'null') || ',' || '"most":' || coalesce(most::VARCHAR,'null') || ',' || '"least":' || coalesce(least::VARCHAR,'null') || ',' || '"pages":' || coalesce(pages::VARCHAR,'null') || '}' FROM result
