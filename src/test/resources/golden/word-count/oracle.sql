WITH lines AS (SELECT line FROM (SELECT unnest(string_split(rtrim(content, chr(10)), chr(10))) AS line FROM read_text('@data/lines.txt'))),
result AS (
SELECT word, count(*) AS n FROM (SELECT unnest(string_split(line,' ')) AS word FROM lines) WHERE word <> '' GROUP BY word
)
SELECT '{' || '"word":' || coalesce(to_json(word)::VARCHAR,'null') || ',' || '"n":' || coalesce(n::VARCHAR,'null') || '}' FROM result
