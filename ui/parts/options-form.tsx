// All options of a request, in a form that opens.
import { type Field, fields, setValue, values } from '../lib/options.ts'

export function OptionsForm({ models }: { models: readonly string[] }) {
  const set = Object.keys(values.value).length
  return (
    <details class="options">
      <summary>Options{set === 0 ? '' : ` (${set} set)`}</summary>
      <datalist id="models">
        {models.map((model) => (
          <option key={model} value={model} />
        ))}
      </datalist>
      <div class="fields">
        {fields.map((field) => (
          <FieldRow key={field.name} field={field} />
        ))}
      </div>
      <button type="button" class="quiet" disabled={set === 0} onClick={() => (values.value = {})}>
        Back to the defaults
      </button>
    </details>
  )
}

const idOf = ({ name }: Field) => `option-${name}`

function FieldRow({ field }: { field: Field }) {
  const { label, help, kind } = field
  return (
    <div class={kind}>
      <label for={idOf(field)}>
        {label}
        {help === undefined ? null : <small>{help}</small>}
      </label>
      <Input field={field} />
    </div>
  )
}

function Input({ field }: { field: Field }) {
  const { name, kind, choices = [], isModel } = field
  const id = idOf(field)
  const value = values.value[name] ?? ''
  const onInput = ({ currentTarget }: { currentTarget: { value: string } }) => setValue(name, currentTarget.value)
  switch (kind) {
    case 'choice':
      return (
        <select id={id} value={value} onInput={onInput}>
          <option value="">default</option>
          {choices
            .filter((choice) => choice !== 'default')
            .map((choice) => (
              <option key={choice}>{choice}</option>
            ))}
        </select>
      )
    case 'check':
      return (
        <input
          id={id}
          type="checkbox"
          checked={value !== ''}
          onChange={({ currentTarget }) => setValue(name, currentTarget.checked ? 'yes' : '')}
        />
      )
    case 'lines':
    case 'json':
    case 'long':
      return (
        <textarea
          id={id}
          rows={kind === 'lines' ? 2 : 4}
          spellcheck={kind === 'long'}
          value={value}
          onInput={onInput}
        />
      )
    default:
      return (
        <input
          id={id}
          type="text"
          inputMode={kind === 'number' ? 'decimal' : 'text'}
          {...(isModel === true ? { list: 'models' } : {})}
          spellcheck={false}
          value={value}
          onInput={onInput}
        />
      )
  }
}
