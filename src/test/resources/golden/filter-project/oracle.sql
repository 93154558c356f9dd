WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT id, UPPER(page) AS page, price * 2 AS twice, qty + 1 AS more, ts
FROM clicks WHERE price > 10 AND (ok OR qty IS NULL)
)
SELECT '{' || '"id":' || coalesce(id::VARCHAR,'null') || ',' || '"page":' || coalesce(to_json(page)::VARCHAR,'null') || ',' || '"twice":' || coalesce(twice::VARCHAR,'null') || ',' || '"more":' || coalesce(more::VARCHAR,'null') || ',' || '"ts":' || coalesce(strftime(ts,'"%Y-%m-%dT%H:%M:%S.%gZ"'),'null') || '}' FROM result
