// Data for a view: loaded when the view is shown, and refreshed regularly while the page is visible.
import { type Signal, useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { type ApiError, call, needsKey, toApiError } from './api.ts'

export type Loaded<T> = {
  data: Signal<T | null>
  error: Signal<ApiError | null>
  reload(): Promise<void>
}

/** How often to retry while the server is unreachable, in milliseconds. */
const retryMs = 2_000

/** `everyMs`: null loads once. A new path is loaded at once; the old data stays until it arrives. */
export function useLoad<T>(path: string, everyMs: number | null = null): Loaded<T> {
  const data = useSignal<T | null>(null)
  const error = useSignal<ApiError | null>(null)
  const lastRequest = useRef(0)
  /** The newest request that was answered. Responses to older requests are dropped. */
  const lastAnswered = useRef(0)
  const current = useRef(path)
  current.current = path
  const reload = async () => {
    const request = ++lastRequest.current
    const isNewest = () => {
      const isNew = current.current === path && request > lastAnswered.current
      if (isNew) lastAnswered.current = request
      return isNew
    }
    try {
      const loaded = await call<T>(path)
      if (!isNewest()) return
      data.value = loaded
      error.value = null
    } catch (thrown) {
      if (isNewest()) error.value = toApiError(thrown)
    }
  }
  useEffect(() => void reload(), [path])
  useSignalEffect(() => {
    if (!needsKey.value && error.peek()?.status === 401) void reload()
  })
  const isOffline = error.value?.code === 'offline'
  useInterval(everyMs ?? (isOffline ? retryMs : null), () => void reload(), [path])
  return { data, error, reload }
}

/** Calls `work` regularly while the page is visible, and when it becomes visible again. */
export function useInterval(everyMs: number | null, work: () => void, dependencies: readonly unknown[]): void {
  useEffect(() => {
    if (everyMs === null) return
    const tick = () => {
      if (!document.hidden && !needsKey.value) work()
    }
    const timer = setInterval(tick, everyMs)
    document.addEventListener('visibilitychange', tick)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', tick)
    }
  }, [everyMs, ...dependencies])
}
