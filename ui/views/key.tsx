// Asks for an API key, where the server wants one.
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { ApiError, call, keepKey, loginFault, toApiError } from '../lib/api.ts'
import { Fault } from '../parts/fault.tsx'

export function KeyForm() {
  const key = useSignal('')
  const fault = useSignal<ApiError | null>(loginFault.value)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.focus(), [])
  const submit = async (event: Event) => {
    event.preventDefault()
    const given = key.value.trim()
    if (!/^[\x21-\x7e]+$/.test(given)) {
      fault.value = new ApiError(0, { error: 'That is no key: a key has letters, digits, - and _ only.', code: 'page' })
      return
    }
    try {
      await call('/v1/health', { key: given })
      keepKey(given)
    } catch (thrown) {
      fault.value = toApiError(thrown)
    }
  }
  return (
    <form class="key" onSubmit={submit}>
      <h1>This server needs an API key</h1>
      <p>
        Run <code>claude-serve open</code> in a terminal for a link that lets you in, or give a key that was made with{' '}
        <code>claude-serve keys create</code>. It is forgotten when this tab is closed.
      </p>
      <label>
        API key
        <input
          ref={field}
          type="password"
          autocomplete="off"
          spellcheck={false}
          value={key.value}
          onInput={({ currentTarget }) => (key.value = currentTarget.value)}
        />
      </label>
      <button type="submit" class="main" disabled={key.value.trim() === ''}>
        Go on
      </button>
      <Fault fault={fault.value} />
    </form>
  )
}
