WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT page, window_start, window_end, count(*) AS n, count(DISTINCT user_id) AS users FROM (SELECT *, time_bucket(INTERVAL '10 seconds', ts) AS window_start, time_bucket(INTERVAL '10 seconds', ts) + INTERVAL '10 seconds' AS window_end FROM clicks) GROUP BY ALL
)
SELECT '{' || '"page":' || coalesce(to_json(page)::VARCHAR,'null') || ',' || '"window_start":' || coalesce(strftime(window_start,'"%Y-%m-%dT%H:%M:%S.%gZ"'),'null') || ',' || '"window_end":' || coalesce(strftime(window_end,'"%Y-%m-%dT%H:%M:%S.%gZ"'),'null') || ',' || '"n":' || coalesce(n::VARCHAR,'null') || ',' || '"users":' || coalesce(users::VARCHAR,'null') || '}' FROM result
