// Reads JSON from processes whose output has no types: everything is unknown until it is checked.

export type JsonRecord = Record<string, unknown>

export function parseRecord(text: string): JsonRecord | null {
  try {
    const value: unknown = JSON.parse(text)
    return isRecord(value) ? value : null
  } catch {
    return null
  }
}

export function isRecord(value: unknown): value is JsonRecord {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The record under a key, or an empty one. */
export function recordAt(parent: JsonRecord, key: string): JsonRecord {
  const value = parent[key]
  return isRecord(value) ? value : {}
}

export function stringAt(parent: JsonRecord, key: string): string {
  const value = parent[key]
  return typeof value === 'string' ? value : ''
}

export function numberAt(parent: JsonRecord, key: string): number {
  const value = parent[key]
  return typeof value === 'number' ? value : Number.NaN
}
