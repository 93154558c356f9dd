WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT ok, MIN(n) AS fewest, MAX(n) AS most, COUNT(DISTINCT n) AS kinds FROM (
  SELECT user_id, ok, COUNT(*) AS n FROM clicks GROUP BY user_id, ok) t
GROUP BY ok
)
SELECT '{' || '"ok":' || coalesce(ok::VARCHAR,'null') || ',' || '"fewest":' || coalesce(fewest::VARCHAR,'null') || ',' || '"most":' || coalesce(most::VARCHAR,'null') || ',' || '"kinds":' || coalesce(kinds::VARCHAR,'null') || '}' FROM result
