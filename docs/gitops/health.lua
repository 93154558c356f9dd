-- Argo CD: resource.customizations.health.millrace.dev_StreamingQuery, and …_StreamingQuerySavepoint
local function condition(kind)
  if obj.status ~= nil and obj.status.conditions ~= nil then
    for _, c in ipairs(obj.status.conditions) do
      if c.type == kind then
        return c
      end
    end
  end
  return nil
end

local function health(status, c, otherwise)
  local message = otherwise
  if c ~= nil and c.message ~= nil and c.message ~= "" then
    message = c.message
  end
  return {status = status, message = message}
end

if obj.metadata.deletionTimestamp ~= nil then
  return health("Progressing", nil, "being deleted")
end
if obj.status == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  return health("Progressing", nil, "the operator has not seen this version yet")
end
local stalled = condition("Stalled")
if stalled ~= nil and stalled.status == "True" then
  return health("Degraded", stalled, stalled.reason)
end
if obj.status.phase == "Suspended" then
  return health("Suspended", nil, "suspended")
end
local ready = condition("Ready")
if ready ~= nil and ready.status == "True" then
  return health("Healthy", ready, "rows are being processed")
end
return health("Progressing", ready, "starting")
