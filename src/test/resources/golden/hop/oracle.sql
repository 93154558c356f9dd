WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT window_start, window_end, count(*) AS n, max(price) AS dearest FROM (SELECT c.*, time_bucket(INTERVAL '5 seconds', ts) - k * INTERVAL '5 seconds' AS window_start, time_bucket(INTERVAL '5 seconds', ts) - k * INTERVAL '5 seconds' + INTERVAL '20 seconds' AS window_end FROM clicks c, range(4) r(k)) GROUP BY ALL
)
SELECT '{' || '"window_start":' || coalesce(strftime(window_start,'"%Y-%m-%dT%H:%M:%S.%gZ"'),'null') || ',' || '"window_end":' || coalesce(strftime(window_end,'"%Y-%m-%dT%H:%M:%S.%gZ"'),'null') || ',' || '"n":' || coalesce(n::VARCHAR,'null') || ',' || '"dearest":' || coalesce(dearest::VARCHAR,'null') || '}' FROM result
