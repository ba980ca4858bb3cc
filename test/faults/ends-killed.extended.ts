// The repetitions that ends-killed.test.ts leaves out.
import './ends-killed.test.ts'
