WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
pages AS (SELECT * FROM read_csv('@data/pages.csv', header=true, columns={page:'VARCHAR',section:'VARCHAR',weight:'INTEGER'})),
result AS (
SELECT c.id, c.page, p.section FROM clicks c LEFT JOIN pages p ON p.page = c.page AND p.weight < c.qty
)
SELECT '{' || '"id":' || coalesce(id::VARCHAR,'null') || ',' || '"page":' || coalesce(to_json(page)::VARCHAR,'null') || ',' || '"section":' || coalesce(to_json(section)::VARCHAR,'null') || '}' FROM result
