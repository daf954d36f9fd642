"""Puts the report together."""

from collections.abc import Callable, Iterator, Sequence

from igconv_sr.report.costs import cost_table, is_of, of_same_scales, scatters, with_marks
from igconv_sr.report.crops import crops, largest_spreads
from igconv_sr.report.deltas import Delta, find_deltas
from igconv_sr.report.document import Heading, Report, Section, Table, TableCell
from igconv_sr.report.figures import slug
from igconv_sr.report.found_runs import Runs
from igconv_sr.report.overview import overview_pictures, overview_tables, verdicts
from igconv_sr.report.published import COMPARABLE_PROTOCOLS, match_published, published_rows
from igconv_sr.report.seed_means import Column, Scored, columns_of, gather, measures_of
from igconv_sr.report.tables import delta_tables, measured_tables, published_tables
from igconv_sr.report.training_curves import training_curves
from igconv_sr.report.variants import Labels, Variant, variant_of
from igconv_sr.runs.trainings import Training

_UNKNOWN = "not recorded"
_RANKS = (
    "Of the measured numbers of a column the best is bold and the second underlined; numbers shown alike share a place."
)


class Builder:
    """Makes the sections out of what was found.

    Args:
        runs: What was found; what is left out is added to its list.
        crops: How many images to show cut-outs of, per encoder and training data; 0 for none.
    """

    def __init__(self, runs: Runs, crops: int) -> None:
        self.runs, self.crops = runs, crops
        self.scores = gather(runs)
        self.labels = Labels(variant for rows in self.scores.values() for variant in rows)
        self._found_deltas: dict[str, list[Delta]] = {}

    def build(self) -> Report:
        """The report; sections without content are left out."""
        parts: Sequence[Callable[[], Section]] = (
            self._overview,
            self._measured,
            self._deltas,
            self._costs,
            self._curves,
            self._crops,
            self._published,
            self._provenance,
            self._unfinished,
        )
        sections = [part() for part in parts]
        # Last, as all others add to it.
        skipped = sorted(set(self.runs.skipped))
        sections.append(Section("Left out", "left-out", ["What was found and not used, and why."], items=skipped))
        return Report(self._facts(), [section for section in sections if section])

    def _facts(self) -> list[tuple[str, str]]:
        variants = {v for rows in self.scores.values() for v in rows}
        columns = {column.benchmark for rows in self.scores.values() for s in rows.values() for column in s.rows}
        commits = sorted({measured.source["commit"] for measured in self.runs.measured})
        return [
            ("evaluations", str(len(self.runs.measured))),
            ("trainings", str(len(self.runs.trainings))),
            ("models", str(len(variants))),
            ("benchmarks", ", ".join(sorted(columns))),
            ("protocols", ", ".join(self.scores)),
            ("commits", ", ".join(commits)),
        ]

    def _overview(self) -> Section:
        section = Section(
            "One model for all scales",
            "overview",
            ["One model for all scales beside a model per scale, of the same encoder and trained on the same images."],
        )
        for number, (protocol, data, rows) in enumerate(self._groups(), start=1):
            if "psnr_y" not in measures_of(rows.values(), columns_of(rows.values())):
                continue  # the protocol measures no luma
            deltas = self._deltas_of(protocol)
            section.text += verdicts(rows, deltas)
            pictures = list(overview_pictures(rows, data, protocol, f"steps-{number}"))
            section.pictures += pictures
            section.tables += overview_tables(rows, self._bicubic(protocol), deltas, data, protocol, pictures)
        return section

    def _bicubic(self, protocol: str) -> dict[Variant, Scored]:
        return {variant: scored for variant, scored in self.scores[protocol].items() if variant.is_bicubic}

    def _deltas_of(self, protocol: str) -> list[Delta]:
        if protocol not in self._found_deltas:
            self._found_deltas[protocol] = find_deltas(self.scores[protocol], protocol, self.labels, self.runs.skipped)
        return self._found_deltas[protocol]

    def _published(self) -> Section:
        section = Section(
            "Published and measured",
            "published",
            [
                "Published numbers beside those measured here of the same model, upsampler, training data and steps. "
                f"Everything else stands under “Measured” alone. {_RANKS}"
            ],
        )
        for protocol, rows in self.scores.items():
            if protocol not in COMPARABLE_PROTOCOLS:
                section.items.append(f"Protocol {protocol} is not that of the published numbers.")
                continue
            matches, unlike = match_published(rows)
            section.tables += published_tables(matches, protocol, self.labels)
            for reason, variants in unlike.items():
                names = ", ".join(self.labels.short(variant, rows) for variant in variants)
                section.items.append(f"Not compared by {protocol}: {names} ({reason}).")
        titles = dict.fromkeys(row.table for row in published_rows())
        missing = [title for title in titles if not any(table.title.startswith(title) for table in section.tables)]
        if missing:
            section.items.append(f"Of {', '.join(missing)} no row was measured.")
        return section

    def _measured(self) -> Section:
        text = [
            "Means over the images and, with several seeds, over the seeds ± their standard deviation (of a sample). "
            f"{_RANKS} Bicubic, which is not trained, stands there to compare with and is not ranked beside models."
        ]
        section = Section("Measured", "measured", text)
        for protocol, scores in self.scores.items():
            untrained = {variant: scored for variant, scored in scores.items() if not variant.upsampler}
            shown: set[Column] = set()
            for _, data, rows in self._groups(protocol):
                section.tables += measured_tables({**untrained, **rows}, protocol, data, self.labels)
                shown |= {column for scored in rows.values() for column in scored.rows}
            alone = {variant: scored.without(shown) for variant, scored in untrained.items()}
            section.tables += measured_tables(alone, protocol, "", self.labels)
        return section

    def _groups(self, only: str | None = None) -> Iterator[tuple[str, str, dict[Variant, Scored]]]:
        """Protocol, training data and the variants of both, of all protocols or of one; without bicubic."""
        for protocol, rows in self.scores.items():
            for data in sorted({variant.train_data for variant in rows if variant.upsampler}):
                if only in (None, protocol):
                    kept = {v: scored for v, scored in rows.items() if v.upsampler and v.train_data == data}
                    yield protocol, data, kept

    def _encoders(self) -> Iterator[tuple[str, dict[Variant, Scored]]]:
        """Protocol and the variants of one encoder and training data."""
        for protocol, _, rows in self._groups():
            for model in dict.fromkeys(variant.model for variant in rows):
                yield protocol, {v: scored for v, scored in rows.items() if v.model == model}

    def _deltas(self) -> Section:
        section = Section(
            "Differences to SPConv",
            "differences",
            [
                "Each model minus the SPConv model trained for that scale alone, with the same encoder, data and, "
                "where there is one, as many steps. "
                "Below each mean difference stands its 95 % interval over images (paired percentile bootstrap, "
                "10,000 resamples). With several seeds each image's values are first averaged over the seeds that "
                "both have, so that this interval says how much depends on the images; how much depends on the seeds "
                "says the number behind it, half the 95 % interval over the seeds (Student's t)."
            ],
        )
        for protocol in self.scores:
            section.tables += delta_tables(self._deltas_of(protocol), protocol, self.labels)
        return section

    def _costs(self) -> Section:
        section = Section("Quality and cost", "cost", ["What it takes to serve all scales."])
        efficiency = self.runs.efficiency
        for number, (protocol, data, rows) in enumerate(self._groups(), start=1):
            for group in of_same_scales(rows):
                if not group.benchmarks:
                    continue
                where = f"trained on {data}, protocol {protocol}"
                start = f"cost-{number}-{''.join(slug(f'x{scale:g}') for scale in group.scales)}"
                pictures = list(scatters(group, where, start, efficiency, self.labels))
                table = cost_table(group, protocol, data, efficiency, self.labels)
                section.pictures += (picture for _, picture in pictures)
                section.tables.append(with_marks(table, group, start, pictures))
        if section and not efficiency:
            self.runs.skipped.append("No efficiency.csv was found: latencies are left out.")
        variants = [variant for rows in self.scores.values() for variant in rows]
        for row in efficiency:
            if row["latency_ms"] and not any(is_of(row, variant) for variant in variants):
                name = f"{row['model']} + {row['upsampler']} with {int(row['params']):,} parameters"
                self.runs.skipped.append(f"efficiency.csv has latencies of {name}, of which nothing was scored.")
        return section

    def _curves(self) -> Section:
        variants: dict[tuple[str, str], dict[Variant, list[Training]]] = {}
        for measured in self.runs.measured:
            if measured.training is not None:
                variant = variant_of(measured)
                trainings = variants.setdefault((variant.model, variant.train_data), {}).setdefault(variant, [])
                if measured.training not in trainings:
                    trainings.append(measured.training)
        labelled = {
            f"{model}, trained on {data}": [
                (self.labels.of_encoder(variant, members), training)
                for variant in sorted(members, key=lambda variant: variant.order)
                for training in members[variant]
            ]
            for (model, data), members in sorted(variants.items())
        }
        pictures = list(training_curves(labelled, self.runs.skipped))
        return Section("Training curves", "curves", pictures=pictures)

    def _crops(self) -> Section:
        section = Section("Where they differ", "crops", ["The images on which the variants of an encoder differ most."])
        if not self.crops:
            self.runs.skipped.append("Cut-outs were not asked for (crops=0).")
            return section
        for number, (protocol, rows) in enumerate(self._encoders(), start=1):
            candidates = largest_spreads(rows, self._bicubic(protocol), self.crops)
            section.pictures += crops(candidates, protocol, f"crops-{number}", self.labels, self.runs.skipped)
        return section

    def _provenance(self) -> Section:
        names = ("steps", "seed", "data", "protocol", "commit", "config", "device", "date", "results in")
        headings = [
            Heading("model", number=False),
            *(Heading(name, number=name in ("steps", "seed")) for name in names),
        ]
        rows = []
        for rows_of in self.scores.values():
            for variant, scored in rows_of.items():
                for measured in scored.sources:
                    source, training = measured.source, measured.training
                    rows.append(
                        _cells(
                            self.labels.short(variant, rows_of),
                            source["steps"],
                            source["seed"] or "–",
                            variant.train_data or "–",
                            source["protocol"],
                            source["commit"],
                            training.hash if training else "–",
                            str(training.cost.get("device", _UNKNOWN)) if training else "–",
                            measured.date or _UNKNOWN,
                            str(measured.folder),
                        )
                    )
        note = (
            "config is the hash of the training's configuration without its folders and logs; device and date are "
            "those that the runs recorded."
        )
        return Section("Provenance", "provenance", tables=[Table("Every evaluation", headings, rows, note)])

    def _unfinished(self) -> Section:
        rows = [
            _cells(
                training.name,
                training.state,
                str(training.cell.get("reason") or "–"),
                str(training.cell.get("ended") or training.cell.get("started") or "–"),
                str(training.folder),
            )
            for training in self.runs.unfinished
        ]
        headings = [Heading(name, number=False) for name in ("training", "state", "reason", "date", "folder")]
        tables = [Table("Trainings that have not come to their end", headings, rows)] if rows else []
        text = ["Their numbers, if there are any, are above; a cell that is missing there has none."]
        return Section("Unfinished and failed", "unfinished", text, tables)


def _cells(*texts: str) -> list[TableCell]:
    return [TableCell(text) for text in texts]
