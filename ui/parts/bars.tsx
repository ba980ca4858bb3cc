// A bar chart with the value next to each bar. It is a table, so that screen readers can read it.
export type Bar = { name: string; value: number; text: string; details: readonly string[] }

type Props = {
  title: string
  valueTitle: string
  detailTitles: readonly string[]
  bars: readonly Bar[]
  /** The value of a full bar; the largest one if absent. */
  max?: number
}

export function Bars({ title, valueTitle, detailTitles, bars, max }: Props) {
  const full = max ?? Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE)
  return (
    <div class="wide">
      <table class="bars">
        <caption>{title}</caption>
        <thead>
          <tr>
            <th scope="col">{title}</th>
            <th scope="col">{valueTitle}</th>
            <td class="chart" aria-hidden="true" />
            {detailTitles.map((each) => (
              <th key={each} scope="col">
                {each}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {bars.map(({ name, value, text, details }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td>{text}</td>
              <td class="chart" aria-hidden="true">
                <svg viewBox="0 0 100 10" preserveAspectRatio="none" role="presentation">
                  <rect width={Math.min(100, (100 * value) / full)} height="10" />
                </svg>
              </td>
              {details.map((each, index) => (
                <td key={detailTitles[index]}>{each}</td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}
