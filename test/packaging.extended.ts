// Further reasons for which nothing is published.
import './packaging.test.ts'
