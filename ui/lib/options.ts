// The options form: its values, which live as long as the tab, and their conversion into a request body. The fields are
// declared with the options themselves (src/core/run-options.ts).
import { effect, signal } from '@preact/signals'
import type { FormField } from '../../src/surfaces/native/schemas.ts'
import type { ChatBody } from './conversation.ts'

export type Field = Omit<FormField, 'position'> & { name: keyof ChatBody }

/** From the table of options; scripts/build-ui.ts puts it here. */
declare const optionFields: readonly Field[]
export const fields = optionFields

export type Values = Partial<Record<Field['name'], string>>

const storageKey = 'claude-serve.options'

function savedValues(): Values {
  try {
    const values: unknown = JSON.parse(sessionStorage.getItem(storageKey) ?? '{}')
    return typeof values === 'object' && values !== null ? (values as Values) : {}
  } catch {
    return {}
  }
}

export const values = signal<Values>(savedValues())
effect(() => sessionStorage.setItem(storageKey, JSON.stringify(values.value)))

export function setValue(name: Field['name'], value: string): void {
  const { [name]: _, ...others } = values.value
  values.value = value === '' ? others : { ...others, [name]: value }
}

/** A field has an invalid value. */
class FieldError extends Error {
  readonly field: Field

  constructor(field: Field, text: string) {
    super(`${field.label}: ${text}`)
    this.field = field
  }
}

/** Converts the values into fields of a request body. Throws FieldError. */
export function bodyOf(values: Values): ChatBody {
  const entries = fields.flatMap((field) => {
    const text = values[field.name]?.trim() ?? ''
    return text === '' ? [] : [[field.name, readValue(field, text)]]
  })
  return Object.fromEntries(entries) as ChatBody
}

function readValue(field: Field, text: string): unknown {
  switch (field.control) {
    case 'checkbox':
      return true
    case 'number': {
      const value = Number(text)
      if (!(value > 0)) throw new FieldError(field, 'must be a number greater than 0')
      return value
    }
    case 'list':
      if (field.name === 'tools' && text === 'none') return []
      return text.split('\n').flatMap((line) => line.trim() || [])
    case 'json':
      try {
        return JSON.parse(text) as unknown
      } catch (error) {
        throw new FieldError(field, `must be valid JSON (${error instanceof Error ? error.message : String(error)})`)
      }
    default:
      return text
  }
}
