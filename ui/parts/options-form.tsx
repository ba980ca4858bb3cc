// All options of a request, in a collapsible form.
import { type Field, fields, setValue, values } from '../lib/options.ts'

export function OptionsForm({ models }: { models: readonly string[] }) {
  const count = Object.keys(values.value).length
  return (
    <details class="options">
      <summary>Options{count === 0 ? '' : ` (${count} set)`}</summary>
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
      <button type="button" class="quiet" disabled={count === 0} onClick={() => (values.value = {})}>
        Reset to defaults
      </button>
    </details>
  )
}

const idOf = ({ name }: Field) => `option-${name}`

function FieldRow({ field }: { field: Field }) {
  const { label, help, control } = field
  return (
    <div class={control === 'checkbox' ? 'checkbox' : undefined}>
      <label for={idOf(field)}>
        {label}
        {help === undefined ? null : <small>{help}</small>}
      </label>
      <Input field={field} />
    </div>
  )
}

function Input({ field }: { field: Field }) {
  const { name, control, choices = [], isModel } = field
  const id = idOf(field)
  const value = values.value[name] ?? ''
  const onInput = ({ currentTarget }: { currentTarget: { value: string } }) => setValue(name, currentTarget.value)
  switch (control) {
    case 'select':
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
    case 'checkbox':
      return (
        <input
          id={id}
          type="checkbox"
          checked={value !== ''}
          onChange={({ currentTarget }) => setValue(name, currentTarget.checked ? 'yes' : '')}
        />
      )
    case 'list':
    case 'json':
    case 'textarea':
      return (
        <textarea
          id={id}
          rows={control === 'list' ? 2 : 4}
          spellcheck={control === 'textarea'}
          value={value}
          onInput={onInput}
        />
      )
    default:
      return (
        <input
          id={id}
          type="text"
          inputMode={control === 'number' ? 'decimal' : 'text'}
          {...(isModel === true ? { list: 'models' } : {})}
          spellcheck={false}
          value={value}
          onInput={onInput}
        />
      )
  }
}
