// The combinations that runs-killed.test.ts leaves out.
import './runs-killed.test.ts'
