WITH orders AS (SELECT * FROM read_csv('@data/orders.csv', header=false, allow_quoted_nulls=false, columns={id:'BIGINT',customer:'INTEGER',amount:'DECIMAL(12,2)',day:'DATE',note:'VARCHAR'})),
result AS (
SELECT id, upper(trim(note)) AS u, substring(note, 2, 4) AS part, note LIKE '%text%' AS has_text, position('a' IN note) AS at_a, note || '-' || id::VARCHAR AS tagged FROM orders
)
SELECT '{' || '"id":' || coalesce(id::VARCHAR,'null') || ',' || '"u":' || coalesce(to_json(u)::VARCHAR,'null') || ',' || '"part":' || coalesce(to_json(part)::VARCHAR,'null') || ',' || '"has_text":' || coalesce(has_text::VARCHAR,'null') || ',' || '"at_a":' || coalesce(at_a::VARCHAR,'null') || ',' || '"tagged":' || coalesce(to_json(tagged)::VARCHAR,'null') || '}' FROM result
