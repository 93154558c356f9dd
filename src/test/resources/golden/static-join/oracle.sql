WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
pages AS (SELECT * FROM read_csv('@data/pages.csv', header=true, columns={page:'VARCHAR',section:'VARCHAR',weight:'INTEGER'})),
result AS (
SELECT c.id, p.section, p.weight * c.qty AS w FROM clicks c JOIN pages p ON p.page = c.page WHERE p.weight > 1
)
SELECT '{' || '"id":' || coalesce(id::VARCHAR,'null') || ',' || '"section":' || coalesce(to_json(section)::VARCHAR,'null') || ',' || '"w":' || coalesce(w::VARCHAR,'null') || '}' FROM result
