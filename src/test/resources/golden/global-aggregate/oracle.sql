WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT count(*) AS n, count(price) AS priced, sum(price) AS total, min(ts) AS first_time, max(page) AS last_page, CAST(round(sum(price)::DECIMAL(38,10) / count(price), 6) AS DECIMAL(38,6)) AS mean FROM clicks
)
SELECT '{' || '"n":' || coalesce(n::VARCHAR,'null') || ',' || '"priced":' || coalesce(priced::VARCHAR,'null') || ',' || '"total":' || coalesce(total::VARCHAR,'null') || ',' || '"first_time":' || coalesce(strftime(first_time,'"%Y-%m-%dT%H:%M:%S.%gZ"'),'null') || ',' || '"last_page":' || coalesce(to_json(last_page)::VARCHAR,'null') || ',' || '"mean":' || coalesce(mean::VARCHAR,'null') || '}' FROM result
