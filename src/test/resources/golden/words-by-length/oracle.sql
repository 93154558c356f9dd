WITH lines AS (SELECT line FROM (SELECT unnest(string_split(rtrim(content, chr(10)), chr(10))) AS line FROM read_text('@data/lines.txt'))),
result AS (
SELECT length(word) AS letters, count(*) AS words, sum(n) AS uses, max(n) AS most, min(word) AS first_word FROM (SELECT word, count(*) AS n FROM (SELECT unnest(string_split(line,' ')) AS word FROM lines) GROUP BY word) GROUP BY length(word)
)
SELECT '{' || '"letters":' || coalesce(letters::VARCHAR,'null') || ',' || '"words":' || coalesce(words::VARCHAR,'null') || ',' || '"uses":' || coalesce(uses::VARCHAR,'null') || ',' || '"most":' || coalesce(most::VARCHAR,'null') || ',' || '"first_word":' || coalesce(to_json(first_word)::VARCHAR,'null') || '}' FROM result
