package main

import "fmt"

// row is a request that nginx and Larder are both asked.
type row struct {
	name    string
	request string  // its key at both contenders
	goal    float64 // Larder's part of what nginx does
}

// besideNginx loads both with each request in turn and prints a table.
func (b *bench) besideNginx(title string, nginx, larder *contender, rows []row) error {
	fmt.Printf("\n%s: requests per second, the median of %d rounds of %v in turn; in parentheses µs of CPU per request.\n\n", title, b.rounds, b.duration)
	fmt.Printf("| | nginx | Larder | of nginx | goal |\n|---|--:|--:|--:|--:|\n")
	for _, of := range rows {
		rates, costs := [2][]float64{}, [2][]float64{}
		for range b.rounds {
			for i, c := range []*contender{nginx, larder} {
				rate, cost, err := c.measure(of.request, b.duration)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", c.name, of.name, err)
				}
				rates[i], costs[i] = append(rates[i], rate), append(costs[i], cost)
			}
		}
		fmt.Printf("| %s | %.0f (%.0f) | %.0f (%.0f) | **%.2f** | %.2f |\n", of.name,
			median(rates[0]), median(costs[0]), median(rates[1]), median(costs[1]), median(rates[1])/median(rates[0]), of.goal)
	}
	return nil
}
