WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT window_end, page, sum(price) AS total FROM (SELECT *, time_bucket(INTERVAL '10 seconds', ts) AS window_start, time_bucket(INTERVAL '10 seconds', ts) + INTERVAL '10 seconds' AS window_end FROM clicks) WHERE qty IS NOT NULL GROUP BY page, window_start, window_end HAVING sum(price) > 100
)
SELECT '{' || '"window_end":' || coalesce(strftime(window_end,'"%Y-%m-%dT%H:%M:%S.%gZ"'),'null') || ',' || '"page":' || coalesce(to_json(page)::VARCHAR,'null') || ',' || '"total":' || coalesce(total::VARCHAR,'null') || '}' FROM result
