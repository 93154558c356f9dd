WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
pages AS (SELECT * FROM read_csv('@data/pages.csv', header=true, columns={page:'VARCHAR',section:'VARCHAR',weight:'INTEGER'})),
result AS (
SELECT p.section, w.window_start, count(*) AS views, count(DISTINCT w.user_id) AS users FROM (SELECT *, time_bucket(INTERVAL '10 seconds', ts) AS window_start, time_bucket(INTERVAL '10 seconds', ts) + INTERVAL '10 seconds' AS window_end FROM clicks) w JOIN pages p ON p.page = w.page GROUP BY ALL
)
SELECT '{' || '"section":' || coalesce(to_json(section)::VARCHAR,'null') || ',' || '"window_start":' || coalesce(strftime(window_start,'"%Y-%m-%dT%H:%M:%S.%gZ"'),'null') || ',' || '"views":' || coalesce(views::VARCHAR,'null') || ',' || '"users":' || coalesce(users::VARCHAR,'null') || '}' FROM result
