// The form for an API key, shown if the server requires one.
import { useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { ApiError, call, loginError, saveKey, toApiError } from '../lib/api.ts'
import { ErrorNotice } from '../parts/error-notice.tsx'

export function KeyForm() {
  const key = useSignal('')
  const error = useSignal<ApiError | null>(loginError.value)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => field.current?.focus(), [])
  const submit = async (event: Event) => {
    event.preventDefault()
    const secret = key.value.trim()
    if (!/^[\x21-\x7e]+$/.test(secret)) {
      error.value = new ApiError(0, {
        error: 'This is not a valid key: keys contain only letters, digits, - and _.',
        code: 'page',
      })
      return
    }
    try {
      await call('/v1/health', { key: secret })
      saveKey(secret)
    } catch (thrown) {
      error.value = toApiError(thrown)
    }
  }
  return (
    <form class="key" onSubmit={submit}>
      <h1>This server requires an API key</h1>
      <p>
        Run <code>claude-serve open</code> in a terminal to get a login link, or enter a key created with{' '}
        <code>claude-serve keys create</code>; in a clone, the command is <code>bin/claude-serve</code>. The key is only
        stored until you close this tab.
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
        Continue
      </button>
      <ErrorNotice error={error.value} />
    </form>
  )
}
