WITH clicks AS (SELECT * FROM read_json('@data/clicks.json', format='newline_delimited', columns={id:'BIGINT',user_id:'BIGINT',page:'VARCHAR',price:'DECIMAL(10,2)',score:'DOUBLE',ok:'BOOLEAN',ts:'TIMESTAMP',tags:'VARCHAR[]',geo:'STRUCT(country VARCHAR, lat DOUBLE)',qty:'INTEGER'})),
result AS (
SELECT id, ((epoch_us((TIMESTAMP '2024-01-01 00:00:30.500')) - epoch_us(ts)) // 1000) AS ms, ((epoch_us(ts) - epoch_us((TIMESTAMP '2024-01-01 00:00:30.500'))) // 1000000) AS s, ((epoch_us(((TIMESTAMP '2024-01-01 00:05:00') + to_microseconds(100 + qty))) - epoch_us(ts)) // 60000000) AS m,
  ((epoch_us(((TIMESTAMP '2024-01-01 00:00:00') + to_microseconds(100 + qty))) - epoch_us(ts)) // 1) AS us, ts > TIMESTAMP '2024-01-01 00:00:30.000001' AS later,
  ts + to_minutes(id) AS moved, ts + to_milliseconds(250 * qty) AS delayed, page || '!' AS marked
FROM clicks WHERE qty IS NULL OR (qty >= 0 AND qty < 800)
)
SELECT '{"id":' || id::VARCHAR || ',"ms":' || ms::VARCHAR || ',"s":' || s::VARCHAR || ',"m":' || coalesce(m::VARCHAR,'null') || ',"us":' || coalesce(us::VARCHAR,'null')
  || ',"later":' || later::VARCHAR || ',"moved":' || strftime(moved,'"%Y-%m-%dT%H:%M:%S.%gZ"') || ',"delayed":' || coalesce(strftime(delayed,'"%Y-%m-%dT%H:%M:%S.%gZ"'),'null') || ',"marked":' || coalesce(to_json(marked)::VARCHAR,'null') || '}' FROM result
