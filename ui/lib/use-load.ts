// Data of a view: loaded when it is shown, and again every so often while somebody looks.
import { type Signal, useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { ApiError, call, needsKey } from './api.ts'

export type Loaded<T> = {
  data: Signal<T | null>
  fault: Signal<ApiError | null>
  reload(): Promise<void>
}

/** `everyMs`: null loads once. A path that changes loads anew; what was there stays until then. */
export function useLoad<T>(path: string, everyMs: number | null = null): Loaded<T> {
  const data = useSignal<T | null>(null)
  const fault = useSignal<ApiError | null>(null)
  const newest = useRef(0)
  const reload = async () => {
    const turn = ++newest.current
    try {
      const loaded = await call<T>(path)
      if (turn !== newest.current) return
      data.value = loaded
      fault.value = null
    } catch (thrown) {
      if (turn === newest.current) fault.value = thrown instanceof ApiError ? thrown : new ApiError(0, {})
    }
  }
  useEffect(() => void reload(), [path])
  useSignalEffect(() => {
    if (!needsKey.value && fault.peek()?.status === 401) void reload()
  })
  useEvery(everyMs, () => void reload(), [path])
  return { data, fault, reload }
}

/** Calls it every so often while the page can be seen, and when it comes back into sight. */
export function useEvery(everyMs: number | null, work: () => void, dependencies: readonly unknown[]): void {
  useEffect(() => {
    if (everyMs === null) return
    const look = () => {
      if (!document.hidden && !needsKey.value) work()
    }
    const timer = setInterval(look, everyMs)
    document.addEventListener('visibilitychange', look)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }, [everyMs, ...dependencies])
}
