declare module 'parse-prometheus-text-format' {
  function parse(text: string): { name: string; type: string; metrics: unknown[] }[]
  export = parse
}
