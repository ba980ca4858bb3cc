// The examples that api-examples.test.ts leaves out.
import './api-examples.test.ts'
