WITH orders AS (SELECT * FROM read_csv('@data/orders.csv', header=false, allow_quoted_nulls=false, columns={id:'BIGINT',customer:'INTEGER',amount:'DECIMAL(12,2)',day:'DATE',note:'VARCHAR'})),
result AS (
SELECT EXTRACT(YEAR FROM day) AS y, EXTRACT(MONTH FROM day) AS m, COUNT(*) AS n, MAX(amount) AS top, COUNT(note) AS notes, MIN(note) AS first_note
FROM orders GROUP BY EXTRACT(YEAR FROM day), EXTRACT(MONTH FROM day)
)
SELECT '{' || '"y":' || coalesce(y::VARCHAR,'null') || ',' || '"m":' || coalesce(m::VARCHAR,'null') || ',' || '"n":' || coalesce(n::VARCHAR,'null') || ',' || '"top":' || coalesce(top::VARCHAR,'null') || ',' || '"notes":' || coalesce(notes::VARCHAR,'null') || ',' || '"first_note":' || coalesce(to_json(first_note)::VARCHAR,'null') || '}' FROM result
